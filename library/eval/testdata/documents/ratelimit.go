// Package ratelimit slows down clients that ask too often.
package ratelimit

import (
	"net/http"
	"sync"
	"time"
)

// Defaults of the public gateway. Partners with a contract get PartnerBurst.
const (
	RequestsPerMinute = 90
	Burst             = 25
	PartnerBurst      = 200
	ForgetAfter       = 20 * time.Minute
)

// bucket holds tokens of one client. A request takes one; they come back evenly.
type bucket struct {
	tokens float64
	seen   time.Time
}

// Limiter keeps a bucket for each client. It is safe for concurrent use.
type Limiter struct {
	mu      sync.Mutex
	buckets map[string]*bucket
	now     func() time.Time
}

// Allow takes a token for a client. When there is none it says how long to wait.
func (l *Limiter) Allow(client string, burst int) (ok bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[client]
	if b == nil {
		b = &bucket{tokens: float64(burst)}
		l.buckets[client] = b
	}
	rate := float64(RequestsPerMinute) / 60
	b.tokens = min(float64(burst), b.tokens+now.Sub(b.seen).Seconds()*rate)
	b.seen = now
	if b.tokens < 1 {
		return false, time.Duration((1 - b.tokens) / rate * float64(time.Second))
	}
	b.tokens--
	return true, 0
}

// Middleware answers 429 with Retry-After in whole seconds, rounded up. Health
// checks under /healthz are let through uncounted, otherwise the load balancer
// would take a busy node out of service.
func (l *Limiter) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			next.ServeHTTP(w, r)
			return
		}
		// The address is taken from the last hop we control, never from a
		// header that a client can write itself.
		ok, wait := l.Allow(r.Header.Get("X-Edge-Client"), Burst)
		if !ok {
			w.Header().Set("Retry-After", seconds(wait))
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}
