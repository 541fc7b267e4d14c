module github.com/satra-sessions/satra/cmd

go 1.26

require github.com/satra-sessions/satra v0.0.0
