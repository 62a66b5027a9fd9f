package limit

import (
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
//	grants, owner, skipped         as in a snapshot's row of a lease
//
// They come in the order in which they are asked for most.
type packedTerms []byte

func (t *terms) pack() packedTerms {
	e := command.NewEncoder(make([]byte, 0, 64))
	for _, v := range [...]int64{t.ttl, t.granted, t.waited, t.wall} {
		e.Int(v)
	}
	encodeGrants(e, t.grants)
	command.EncodeOwner(e, t.owner)
	encodeStrings(e, t.skipped)
	return slices.Clone(e.Bytes())
}

// unpack returns all terms.
func (p packedTerms) unpack() (t terms) {
	d := command.NewDecoder(p)
	for _, v := range [...]*int64{&t.ttl, &t.granted, &t.waited, &t.wall} {
		*v = d.Int()
	}
	t.grants = decodeGrants(d)
	t.owner = command.DecodeOwner(d)
	t.skipped = decodeStrings(d)
	return t
}

// ttl returns the ttl alone.
func (p packedTerms) ttl() int64 { return command.NewDecoder(p).Int() }

// grants returns the grants alone.
func (p packedTerms) grants() []grant {
	d := command.NewDecoder(p)
	for range 4 {
		d.Int()
	}
	return decodeGrants(d)
}
