package sessionapi

import (
	"net/http"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// Streams that are open at once, unless the options say otherwise. A browser
// opens one for each tab.
const (
	defaultMaxStreams           = 10_000
	defaultMaxStreamsPerSession = 8
)

// streams counts those that are open.
type streams struct {
	most, mostEach int

	mu   sync.Mutex
	all  int
	each map[satra.ID]int
}

// open counts one more until it is freed, or refuses it.
func (s *streams) open(id satra.ID) (free func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.each[id] >= s.mostEach {
		return nil, &satra.Problem{
			Status: http.StatusTooManyRequests, Code: satra.CodeRateLimited, RetryAfter: time.Minute,
			Message: "There are too many open streams. Please close other tabs, or try again later.",
		}
	}
	s.all++
	s.each[id]++
	return func() { s.free(id) }, nil
}

func (s *streams) free(id satra.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.each[id]--; s.each[id] == 0 {
		delete(s.each, id)
	}
}
