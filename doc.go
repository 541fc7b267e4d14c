// Package satra gives sessions to the requests of a Go web application, and
// takes them away for good.
//
// A [Manager] keeps its sessions in a [Store]; package memstore is the one to
// begin with. Its [Manager.Handler] goes around the application's routes:
//
//	sessions, err := satra.New(memstore.New(nil), nil)
//	…
//	http.ListenAndServe(addr, sessions.Handler(mux))
//
// Values of a session are typed keys, made once as package variables:
//
//	var visits = satra.NewKey[int]("visits")
//
//	func page(w http.ResponseWriter, r *http.Request) {
//		n, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil })
//		if err != nil {
//			satra.WriteError(w, r, err)
//			return
//		}
//		fmt.Fprintf(w, "visit %d\n", n)
//	}
//
// # When things happen
//
// A request asks the store for its session at the first use, once; one that
// never looks at it asks nothing. [Start], [Key.Set] and [Key.Delete] wait for
// the first byte of the response and are saved with one command, key by key,
// so that concurrent requests do not lose each other's values. If that fails,
// nothing of the handler's response is sent: the client gets a 503. Signing
// in, [SignOut], [Extend], [Revoke] and [Key.Update] act at once and return the
// store's error.
//
// # Tokens
//
// The cookie holds a session [ID] and a secret of 256 random bits. The store
// keeps the secret's SHA-256 only; the ID names the session everywhere and
// opens nothing. A sign-in or re-authentication makes a new secret, and every
// older one is dead at once.
//
// # Time
//
// A session ends when it has not been used for the idle timeout, or when it
// reaches its lifetime, whichever comes first. Both are computed by a pure
// function, from times that the store's clock gave. What counts as use is
// [Options.Activity].
//
// # Streams
//
// A response that stays open ends with its session if it goes by the context of
// [WhileLive]. [Manager.Close] ends what is open.
package satra
