//go:build limitd_next

package command

// A build with the tag limitd_next plays the version of limitd to come, beside
// which this one has to live while a cluster is upgraded: it knows one rules
// version more, and one kind of record that came with it. The scene upgrade of
// jepsen/show runs it; its data is of no version that will ever be.

// ToCome is how many rules versions this build knows beyond those of this
// version of limitd.
const ToCome = 1

// KindRehearse is the record of the version to come. Its number is the last
// that there can be, so that no kind that lands ever has it.
const KindRehearse Kind = 0xff

// Rehearse does nothing but stand in the log.
type Rehearse struct{}

// Kind returns KindRehearse.
func (*Rehearse) Kind() Kind      { return KindRehearse }
func (*Rehearse) encode(*Encoder) {}
func (*Rehearse) decode(*Decoder) {}

// newOpToCome returns an empty operation of a kind that only such a build knows.
func newOpToCome(k Kind) Op {
	if k == KindRehearse {
		return new(Rehearse)
	}
	return nil
}
