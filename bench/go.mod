module github.com/satra-sessions/satra/bench

go 1.26.0

require (
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/gorilla/csrf v1.7.3
	github.com/gorilla/sessions v1.4.0
	github.com/justinas/nosurf v1.2.0
	github.com/satra-sessions/satra v0.0.0
)

require github.com/gorilla/securecookie v1.1.2 // indirect
