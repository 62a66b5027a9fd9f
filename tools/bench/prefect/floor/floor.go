// Package floor is a server that grants Prefect's clients what they ask for at
// no cost: it keeps limits in memory, in one process, and has who waits wait in
// line. What it takes a client to get through it is the client's own.
//
//	s := floor.New()
//	err := http.ListenAndServe("127.0.0.1:4200", s)
//
// It serves what clients need for one slot of one limit without decay, believes
// all that it is told, and has nobody who waits hang up.
package floor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// Server is the server. Get one from New.
type Server struct {
	mux http.ServeMux

	mu     sync.Mutex
	limits map[string]*limit // guarded by mu
	leases map[string]*limit // guarded by mu
	last   int               // number of the last id; guarded by mu
}

// limit is one limit. The server's mutex guards it.
type limit struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Slots  int     `json:"limit"`
	Active bool    `json:"active"`
	Taken  int     `json:"active_slots"`
	Decay  float64 `json:"slot_decay_per_second"`
	// waiting are those who wait, the first first. One that is let in finds its
	// channel closed.
	waiting []chan struct{}
}

// New returns a server without limits.
func New() *Server {
	s := &Server{limits: map[string]*limit{}, leases: map[string]*limit{}}
	const path = "/api/v2/concurrency_limits/"
	s.mux.HandleFunc("POST "+path+"{$}", s.create)
	s.mux.HandleFunc("PATCH "+path+"{name}", s.update)
	s.mux.HandleFunc("GET "+path+"{name}", s.get)
	s.mux.HandleFunc("POST "+path+"increment-with-lease", s.increment)
	s.mux.HandleFunc("POST "+path+"decrement-with-lease", s.decrement)
	s.mux.HandleFunc("POST "+path+"leases/{id}/renew", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s.mux.HandleFunc("GET /api/csrf-token", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, http.StatusUnprocessableEntity, map[string]string{"detail": "CSRF protection is disabled."})
	})
	s.mux.HandleFunc("GET /api/admin/version", func(w http.ResponseWriter, _ *http.Request) { tell(w, http.StatusOK, "3.99.0") })
	s.mux.HandleFunc("GET /api/events/in", events)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// tell answers with v.
func tell(w http.ResponseWriter, status int, v any) {
	body, _ := json.Marshal(v) // what this server tells can be written
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone misses nothing
}

// read reads the body of a request into v, or answers what is wrong.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(r.Body).Decode(v)
	if err != nil {
		tell(w, http.StatusUnprocessableEntity, map[string]string{"detail": err.Error()})
	}
	return err == nil
}

// newIDLocked returns an id in the form of a UUID.
func (s *Server) newIDLocked() string {
	s.last++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", s.last)
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	l := &limit{Active: true}
	if !read(w, r, l) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.ID = s.newIDLocked()
	s.limits[l.Name] = l
	tell(w, http.StatusCreated, l)
}

func (s *Server) update(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.limits[r.PathValue("name")]; l == nil {
		tell(w, http.StatusNotFound, nil)
	} else if read(w, r, l) {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.limits[r.PathValue("name")]; l != nil {
		tell(w, http.StatusOK, l)
	} else {
		tell(w, http.StatusNotFound, nil)
	}
}

// increment takes a slot of one limit, once one is free.
func (s *Server) increment(w http.ResponseWriter, r *http.Request) {
	var q struct{ Names []string }
	if !read(w, r, &q) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(q.Names) != 1 || s.limits[q.Names[0]] == nil {
		tell(w, http.StatusNotFound, nil)
		return
	}
	l, id := s.limits[q.Names[0]], s.newIDLocked()
	if l.Active {
		s.enterLocked(l)
		s.leases[id] = l
	}
	tell(w, http.StatusOK, map[string]any{"lease_id": id, "limits": []*limit{l}})
}

// enterLocked takes a slot, and waits for one where none is free.
func (s *Server) enterLocked(l *limit) {
	if l.Taken < l.Slots {
		l.Taken++
		return
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	s.mu.Unlock()
	<-turn // whoever leaves hands the slot over
	s.mu.Lock()
}

func (s *Server) decrement(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Lease string `json:"lease_id"`
	}
	if !read(w, r, &q) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leases[q.Lease]; l != nil {
		delete(s.leases, q.Lease)
		if len(l.waiting) > 0 {
			close(l.waiting[0])
			l.waiting = l.waiting[1:]
		} else {
			l.Taken--
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// events takes a client's events and forgets them.
func events(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"prefect"}})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	if _, _, err = conn.Read(r.Context()); err == nil && conn.Subprotocol() != "" {
		err = wsjson.Write(r.Context(), conn, map[string]string{"type": "auth_success"})
	}
	for err == nil {
		var event io.Reader
		if _, event, err = conn.Reader(r.Context()); err == nil {
			_, err = io.Copy(io.Discard, event)
		}
	}
}
