package limit

import (
	"encoding/binary"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// lease is a grant with an owner and an end. There may be millions, of which most
// are only renewed and released: what that does not need lies in terms, packed.
type lease struct {
	epoch uint32
	token uint64
	id    string
	end   int64 // cluster time
	terms packedTerms
}

func (x *lease) stamp() *uint32 { return &x.epoch }
func (x *lease) detach()        {}

// terms is what a grant fixes of its lease: it never changes.
type terms struct {
	ttl     int64
	granted int64 // cluster time
	waited  int64
	wall    int64
	grants  []grant
	owner   command.Owner
	skipped []string
}

// grant is what a lease has of one limit.
type grant struct {
	limit     uint64
	slots     int64
	mode      command.Mode
	counted   bool
	wouldDeny bool
	ordinals  []uint32
}

// packedTerms is terms in memory, a fifth of their size:
//
//	ttl, granted, waited, wall     varints
//	owner                          its length, a varint, before it
//	grants, skipped
//
// The last three are the bytes of a snapshot's row of a lease, so that to write one
// makes no garbage.
type packedTerms []byte

func (t *terms) pack() packedTerms {
	owner, lists := command.NewEncoder(make([]byte, 0, 64)), command.NewEncoder(make([]byte, 0, 64))
	command.EncodeOwner(owner, t.owner)
	encodeGrants(lists, t.grants)
	encodeStrings(lists, t.skipped)
	return splitTerms{t.ttl, t.granted, t.waited, t.wall, owner.Bytes(), lists.Bytes()}.pack()
}

// splitTerms is packedTerms taken apart, with its lists as a row has them.
type splitTerms struct {
	ttl, granted, waited, wall int64
	owner                      []byte
	lists                      []byte // grants, skipped
}

func (t splitTerms) pack() packedTerms {
	e := command.NewEncoder(make([]byte, 0, 5*binary.MaxVarintLen64))
	for _, v := range [...]int64{t.ttl, t.granted, t.waited, t.wall} {
		e.Int(v)
	}
	e.Uint(uint64(len(t.owner)))
	return slices.Concat(e.Bytes(), t.owner, t.lists)
}

func (p packedTerms) split() (t splitTerms) {
	d := command.NewDecoder(p)
	t.ttl, t.granted, t.waited, t.wall = d.Int(), d.Int(), d.Int(), d.Int()
	t.owner, t.lists = d.Raw(), d.Rest()
	return t
}

// unpack returns all terms.
func (p packedTerms) unpack() terms {
	t := p.split()
	lists := command.NewDecoder(t.lists)
	return terms{
		ttl: t.ttl, granted: t.granted, waited: t.waited, wall: t.wall,
		owner:  command.DecodeOwner(command.NewDecoder(t.owner)),
		grants: decodeGrants(lists), skipped: decodeStrings(lists),
	}
}

// ttl returns the ttl alone.
func (p packedTerms) ttl() int64 { return command.NewDecoder(p).Int() }

// grants returns the grants alone.
func (p packedTerms) grants() []grant { return decodeGrants(command.NewDecoder(p.split().lists)) }
