package gossip

import "encoding/json"

// Tags are what a node tells the others of itself.
type Tags struct {
	ID        string `json:"i"`           // the node's UUID
	Name      string `json:"n"`           // what people call it
	Peer      string `json:"p"`           // where raft and forwarding reach it
	HTTP      string `json:"h,omitempty"` // where callers reach it
	Version   string `json:"v,omitempty"` // of limitd
	NonVoter  bool   `json:"o,omitempty"` // role = "nonvoter"
	Rules     uint64 `json:"r"`           // the highest rules version that it can play
	Session   string `json:"s"`           // of this start of the process
	ClusterID string `json:"c,omitempty"` // once known
	State     bool   `json:"t,omitempty"` // it has raft state: a cluster exists
	Expect    int    `json:"e,omitempty"` // bootstrap_expect
	Promise   string `json:"b,omitempty"` // whom it agreed to form a cluster with
}

// Member is a node as gossip knows it.
type Member struct {
	Tags
	Alive bool
}

// encode returns the tags as memberlist's metadata.
func (t Tags) encode() ([]byte, error) { return json.Marshal(t) }

func decodeTags(b []byte) (t Tags, err error) {
	err = json.Unmarshal(b, &t)
	return t, err
}
