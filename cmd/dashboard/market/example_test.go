package market_test

import (
	"fmt"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/market"
)

func Example() {
	christmas := time.Date(2026, 12, 25, 6, 0, 0, 0, time.UTC)
	now := market.NSE().At(christmas)
	fmt.Println(now.Phase.Label(), now.Name)
	fmt.Println(now.Opens.At.Format("Mon 2 Jan, 15:04 MST"))
	// Output:
	// Holiday Christmas
	// Mon 28 Dec, 09:15 IST
}

func ExampleSearch() {
	for _, i := range market.Search("bajaj", 3) {
		fmt.Println(i.Symbol, "–", i.Name)
	}
	// Output:
	// BAJAJ-AUTO – Bajaj Auto
	// BAJAJFINSV – Bajaj Finserv
	// BAJAJHLDNG – Bajaj Holdings & Investment
}
