package guest

const (
	// often is how much calls handle between the collector's turns, in bytes, and least what the smallest call counts for.
	often = 64 << 10
	least = 1 << 10
	// many is how many calls with an input an instance has served that is expected to serve more.
	many = 32
)

// pace decides when the collector gets its turn: a reactor whose exports never yield to it dies of a full memory. Doing
// so after every call would take a tenth of a small one's time.
//
// The heap of an instance that serves many calls is collected when it has grown by a quarter, from 1 MiB on, and not
// when it has doubled, from 4 MiB on: measured, 5.3 MiB an instance in place of 8.2 for 3 % more fuel a call, and no
// difference in time. A call on an instance as after its start would only pay for collections that it does not live to
// need, so that the calls about nothing by which the host prepares such an instance do not count.
type pace struct {
	// unyielded is how much calls have handled since the last turn, in bytes.
	unyielded int32
	// served counts calls with an input, up to many.
	served int32
}

// after counts a call that was given some bytes and made others. turn: the collector gets its turn. early: from now on
// the heap is collected early; it is so once.
func (p *pace) after(given, made int32) (turn, early bool) {
	if given > 0 && p.served < many {
		p.served++
		early = p.served == many
	}
	if p.unyielded += least + given + made; p.unyielded > often {
		p.unyielded, turn = 0, true
	}
	return turn, early
}
