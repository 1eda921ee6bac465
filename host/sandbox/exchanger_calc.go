package sandbox

// sums are the four amounts of an exchange: what is given and got, and what that makes with commissions.
type sums struct{ give, giveCom, get, getCom money }

// gets is what a sum given gets, and costs what a sum got costs. Each multiplies before it divides: a rate that does
// not come out even must not add a cent.
func (d direction) gets(give money) money {
	return give.mul(siteNumber(d.courseGet)).div(siteNumber(d.courseGive))
}

func (d direction) costs(get money) money {
	return get.mul(siteNumber(d.courseGive)).div(siteNumber(d.courseGet))
}

// calculate finds the four sums from one of them: action 1 give, 2 get, 3 give with commission, 4 get with commission.
// The payer's side is rounded up, the other down.
func (d direction) calculate(given money, action int) sums {
	hundred := amount("100")
	dearer := amount("1").add(amount(d.comGive).div(hundred)) // what the payer adds
	cheaper := amount("1").sub(amount(d.comGet).div(hundred)) // what is left of what is got
	give := given
	switch action {
	case 2:
		give = d.costs(given)
	case 3:
		give = given.div(dearer)
	case 4:
		give = d.costs(given.div(cheaper))
	}
	givePlaces, getPlaces := tenders[d.give].places, tenders[d.get].places
	s := sums{
		give:    give.roundUp(givePlaces),
		giveCom: give.mul(dearer).roundUp(givePlaces),
		get:     d.gets(give).roundDown(getPlaces),
		getCom:  d.gets(give).mul(cheaper).roundDown(getPlaces),
	}
	s.keep(given, action)
	return s
}

// keep leaves the sum that was asked for as it was: dividing and multiplying must not take a cent from it.
func (s *sums) keep(given money, action int) {
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
func bound(text string) *money {
	if text == "no" {
		return nil
	}
	m := siteNumber(text)
	return &m
}

// outside names the field that leaves a direction's bounds, the reserve among them, with the site's message in HTML; ""
// if none does.
func (x *exchanger) outside(d direction, s sums) (field, html string) {
	minGive, maxGive := bound(d.minGive), bound(d.maxGive)
	minGet, maxGet := bound(d.minGet), bound(d.maxGet)
	span := func(word, value, code string) string {
		return `<span class="js_amount" data-val="` + value + `">` + word + ": " + value + " " + code + `</span>`
	}
	give, get := tenders[d.give].code, tenders[d.get].code
	switch {
	case s.give.sign() <= 0:
		return "sum1", span("min.", "0", give)
	case minGive != nil && s.give.cmp(*minGive) < 0:
		return "sum1", span("min.", minGive.trim().String(), give)
	case maxGive != nil && s.give.cmp(*maxGive) > 0:
		return "sum1", span("max.", maxGive.trim().String(), give)
	case minGet != nil && s.get.cmp(*minGet) < 0:
		return "sum2", span("min.", minGet.trim().String(), get)
	case maxGet != nil && s.get.cmp(*maxGet) > 0:
		return "sum2", span("max.", maxGet.trim().String(), get)
	case s.get.cmp(x.reserves[d.get]) > 0:
		return "sum2", span("max.", x.reserves[d.get].trim().String(), get)
	default:
		return "", ""
	}
}

// fit moves sums to the nearest that the direction takes.
func (x *exchanger) fit(d direction, s sums) sums {
	if low := bound(d.minGive); low != nil && s.give.cmp(*low) < 0 {
		s = d.calculate(*low, 1)
	}
	if high := bound(d.maxGive); high != nil && s.give.cmp(*high) > 0 {
		s = d.calculate(*high, 1)
	}
	if low := bound(d.minGet); low != nil && s.get.cmp(*low) < 0 {
		s = d.calculate(*low, 2)
	}
	most := x.reserves[d.get]
	if high := bound(d.maxGet); high != nil && high.cmp(most) < 0 {
		most = *high
	}
	if s.get.cmp(most) > 0 {
		s = d.calculate(most, 2)
	}
	return s
}
