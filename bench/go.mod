module github.com/satra-sessions/satra/bench

go 1.26.0

require github.com/satra-sessions/satra v0.0.0

require (
	github.com/alexedwards/scs/v2 v2.9.0 // indirect
	github.com/gorilla/csrf v1.7.3 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/gorilla/sessions v1.4.0 // indirect
	github.com/justinas/nosurf v1.2.0 // indirect
)
