package exchanger

import (
	"payrouter/host/sandbox/simulator"
)

// sums are the four amounts of an exchange: what is given and got, and what that makes with commissions.
type sums struct{ give, giveCom, get, getCom simulator.Money }

// gets is what a sum given gets, and costs what a sum got costs. Each multiplies before it divides: a rate that does
// not come out even must not add a cent.
func (d direction) gets(give simulator.Money) simulator.Money {
	return give.Mul(siteNumber(d.courseGet)).Div(siteNumber(d.courseGive))
}

func (d direction) costs(get simulator.Money) simulator.Money {
	return get.Mul(siteNumber(d.courseGive)).Div(siteNumber(d.courseGet))
}

// calculate finds the four sums from one of them: action 1 give, 2 get, 3 give with commission, 4 get with commission.
// The payer's side is rounded up, the other down.
func (d direction) calculate(given simulator.Money, action int) sums {
	hundred := simulator.Amount("100")
	dearer := simulator.Amount("1").Add(simulator.Amount(d.comGive).Div(hundred)) // what the payer adds
	cheaper := simulator.Amount("1").Sub(simulator.Amount(d.comGet).Div(hundred)) // what is left of what is got
	give := given
	switch action {
	case 2:
		give = d.costs(given)
	case 3:
		give = given.Div(dearer)
	case 4:
		give = d.costs(given.Div(cheaper))
	}
	givePlaces, getPlaces := tenders[d.give].places, tenders[d.get].places
	s := sums{
		give:    give.RoundUp(givePlaces),
		giveCom: give.Mul(dearer).RoundUp(givePlaces),
		get:     d.gets(give).RoundDown(getPlaces),
		getCom:  d.gets(give).Mul(cheaper).RoundDown(getPlaces),
	}
	s.keep(given, action)
	return s
}

// keep leaves the sum that was asked for as it was: dividing and multiplying must not take a cent from it.
func (s *sums) keep(given simulator.Money, action int) {
	switch action {
	case 2:
		s.get = given
	case 3:
		s.giveCom = given
	case 4:
		s.getCom = given
	}
}

// bound reads a bound: nil if it is not set.
func bound(text string) *simulator.Money {
	if text == "no" {
		return nil
	}
	m := siteNumber(text)
	return &m
}

// outside names the field that leaves a direction's bounds, the reserve among them, with the site's message in HTML; ""
// if none does.
func (x *provider) outside(d direction, s sums) (field, html string) {
	minGive, maxGive := bound(d.minGive), bound(d.maxGive)
	minGet, maxGet := bound(d.minGet), bound(d.maxGet)
	span := func(word, value, code string) string {
		return `<span class="js_amount" data-val="` + value + `">` + word + ": " + value + " " + code + `</span>`
	}
	give, get := tenders[d.give].code, tenders[d.get].code
	switch {
	case s.give.Sign() <= 0:
		return "sum1", span("min.", "0", give)
	case minGive != nil && s.give.Cmp(*minGive) < 0:
		return "sum1", span("min.", minGive.Trim().String(), give)
	case maxGive != nil && s.give.Cmp(*maxGive) > 0:
		return "sum1", span("max.", maxGive.Trim().String(), give)
	case minGet != nil && s.get.Cmp(*minGet) < 0:
		return "sum2", span("min.", minGet.Trim().String(), get)
	case maxGet != nil && s.get.Cmp(*maxGet) > 0:
		return "sum2", span("max.", maxGet.Trim().String(), get)
	case s.get.Cmp(x.reserves[d.get]) > 0:
		return "sum2", span("max.", x.reserves[d.get].Trim().String(), get)
	default:
		return "", ""
	}
}

// fit moves sums to the nearest that the direction takes.
func (x *provider) fit(d direction, s sums) sums {
	if low := bound(d.minGive); low != nil && s.give.Cmp(*low) < 0 {
		s = d.calculate(*low, 1)
	}
	if high := bound(d.maxGive); high != nil && s.give.Cmp(*high) > 0 {
		s = d.calculate(*high, 1)
	}
	if low := bound(d.minGet); low != nil && s.get.Cmp(*low) < 0 {
		s = d.calculate(*low, 2)
	}
	most := x.reserves[d.get]
	if high := bound(d.maxGet); high != nil && high.Cmp(most) < 0 {
		most = *high
	}
	if s.get.Cmp(most) > 0 {
		s = d.calculate(most, 2)
	}
	return s
}
