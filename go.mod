module github.com/satra-sessions/satra

go 1.26.0
