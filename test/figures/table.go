package figures

import (
	"fmt"
	"strings"
)

// goal is a figure beside what it has to be.
type goal struct {
	What string
	Is   float64
	// Bound is what it has to be at most, or with Least at least, and Unit what both are in.
	Bound float64
	Least bool
	Unit  string
}

// Met reports whether the figure is as it has to be.
func (g goal) met() bool {
	if g.Least {
		return g.Is >= g.Bound
	}
	return g.Is <= g.Bound
}

func (g goal) row() string {
	side, met := "at most", "met"
	if g.Least {
		side = "at least"
	}
	if !g.met() {
		met = "not met"
	}
	return fmt.Sprintf("| %s | %s | %s %s | %s |\n", g.What, number(g.Is, g.Unit), side, number(g.Bound, g.Unit), met)
}

// The goals of a payment's cost.
const (
	leastRate    = 0.40 // of the forwarder's, with many callers
	mostSyncs    = 2    // that a payment adds, with one caller
	mostAdded    = 0.5  // ms beside them
	mostCPUMany  = 0.6  // ms
	mostCPUOne   = 1.5  // ms
	mostBytes    = 3.0  // kB
	mostGrowth   = 1.3  // of an empty journal's cost
	mostStart    = 2.0  // s
	mostList     = 100.0
	manyCallers  = 64
	goalsHeading = "| goal | measured | has to be | |\n| --- | --- | --- | --- |\n"
)

func (p *Payments) with(callers int) (rounds []PaymentRound) {
	for _, round := range p.Rounds {
		if round.Callers == callers {
			rounds = append(rounds, round)
		}
	}
	return rounds
}

func cpuOfRouter(r PaymentRound) float64 { return r.Router.CPU }

func (p *Payments) goals() []goal {
	many, one := p.with(manyCallers), p.with(1)
	goals := make([]goal, 0, 5)
	if len(many) > 0 {
		goals = append(goals, goal{
			What: "payments a second, 64 callers", Least: true, Bound: leastRate, Unit: "of the forwarder's",
			Is: median(many, func(r PaymentRound) float64 { return r.Router.Rate / r.Forwarder.Rate }),
		}, goal{
			What: "CPU a payment, 64 callers", Bound: mostCPUMany, Unit: "ms", Is: median(many, cpuOfRouter),
		})
	}
	if len(one) > 0 {
		goals = append(goals, goal{
			What: "p50 above the forwarder's, 1 caller: 2 syncs and 0.5 ms", Unit: "ms",
			Is:    median(one, func(r PaymentRound) float64 { return r.Router.P50 - r.Forwarder.P50 }),
			Bound: mostSyncs*median(one, func(r PaymentRound) float64 { return r.Sync }) + mostAdded,
		}, goal{
			What: "CPU a payment, 1 caller", Bound: mostCPUOne, Unit: "ms", Is: median(one, cpuOfRouter),
		})
	}
	return append(goals, goal{What: "disk a payment", Bound: mostBytes, Unit: "kB", Is: p.kilobytes()})
}

// kilobytes are those of a payment on disk.
func (p *Payments) kilobytes() float64 { return float64(p.Bytes) / float64(max(1, p.Count)) / 1000 }

func (p *Payments) table() string {
	var b strings.Builder
	b.WriteString("| callers | system | payments a second | p50 | p99 | CPU a payment |\n" +
		"| --- | --- | --- | --- | --- | --- |\n")
	for _, callers := range []int{manyCallers, 1} {
		rounds := p.with(callers)
		if len(rounds) == 0 {
			continue
		}
		for _, system := range []struct {
			name string
			of   func(PaymentRound) Load
		}{
			{"bare forwarder", func(r PaymentRound) Load { return r.Forwarder }},
			{"router", func(r PaymentRound) Load { return r.Router }},
			{"router, calls share an instance", func(r PaymentRound) Load { return r.Shared }},
		} {
			figure := func(of func(Load) float64, unit string) string {
				return number(median(rounds, func(r PaymentRound) float64 { return of(system.of(r)) }), unit)
			}
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", callers, system.name,
				figure(func(l Load) float64 { return l.Rate }, ""), figure(func(l Load) float64 { return l.P50 }, "ms"),
				figure(func(l Load) float64 { return l.P99 }, "ms"), figure(func(l Load) float64 { return l.CPU }, "ms"))
		}
	}
	sync := median(p.Rounds, func(r PaymentRound) float64 { return r.Sync })
	fmt.Fprintf(&b, "\nThe disk takes %s for a write of 4 KiB and an fsync.\n\n", number(sync, "ms"))
	writeGoals(&b, p.goals())
	return b.String()
}

func writeGoals(b *strings.Builder, goals []goal) {
	b.WriteString(goalsHeading)
	for _, goal := range goals {
		b.WriteString(goal.row())
	}
}

func (c *Calls) table() string {
	var b strings.Builder
	b.WriteString("| p50 of")
	for _, subject := range c.Subjects {
		fmt.Fprintf(&b, " | %s: hot | cold", subject.Name)
	}
	b.WriteString(" |\n| ---" + strings.Repeat(" | --- | ---", len(c.Subjects)) + " |\n")
	if len(c.Subjects) == 0 {
		return b.String()
	}
	for i, engine := range c.Subjects[0].Engines {
		fmt.Fprintf(&b, "| %s", engine.Name)
		for _, subject := range c.Subjects {
			measured := subject.Engines[i]
			fmt.Fprintf(&b, " | %s | %s", number(Median(measured.Hot), "µs"), number(Median(measured.Cold), "µs"))
		}
		b.WriteString(" |\n")
	}
	b.WriteString("| what metering adds")
	for _, subject := range c.Subjects {
		fmt.Fprintf(&b, " | %s | %s", subject.metering(func(e Engine) []float64 { return e.Hot }),
			subject.metering(func(e Engine) []float64 { return e.Cold }))
	}
	b.WriteString(" |\n")
	return b.String()
}

// metering is by how much a call takes longer with metering, by the median of the rounds' ratios.
func (s Subject) metering(of func(Engine) []float64) string {
	var with, without []float64
	for _, engine := range s.Engines {
		switch engine.Name {
		case Shared:
			with = of(engine)
		case Unmetered:
			without = of(engine)
		}
	}
	ratios := make([]float64, 0, len(with))
	for i := range min(len(with), len(without)) {
		ratios = append(ratios, with[i]/without[i])
	}
	return fmt.Sprintf("%+.0f %%", 100*(Median(ratios)-1))
}

func (j *Journal) goals() []goal {
	ratio := func(of func(Costs) float64) float64 {
		ratios := make([]float64, 0, len(j.Rounds))
		for _, r := range j.Rounds {
			if empty := of(r.Empty); empty > 0 { // CPU is counted in hundredths of a second
				ratios = append(ratios, of(r.Large)/empty)
			}
		}
		return Median(ratios)
	}
	const unit = "of the empty journal's"
	goals := make([]goal, 0, 6)
	for _, cost := range costs {
		goals = append(goals, goal{What: cost.name, Bound: mostGrowth, Unit: unit, Is: ratio(cost.of)})
	}
	slowest := 0.0
	for _, list := range j.Lists {
		slowest = max(slowest, list.P99)
	}
	return append(goals, goal{
		What: "start", Bound: mostStart, Unit: "s",
		Is: median(j.Rounds, func(r JournalRound) float64 { return r.Large.Start / 1000 }),
	}, goal{What: "slowest list, p99", Bound: mostList, Unit: "ms", Is: slowest})
}

// costs are those of a router that may grow with its journal, in milliseconds.
//
//nolint:gochecknoglobals // a table
var costs = []struct {
	name string
	of   func(Costs) float64
}{
	{"create, p50", func(c Costs) float64 { return c.Create.P50 }},
	{"create, CPU", func(c Costs) float64 { return c.Create.CPU }},
	{"fetch, p50", func(c Costs) float64 { return c.Fetch.P50 }},
	{"fetch, CPU", func(c Costs) float64 { return c.Fetch.CPU }},
}

func (j *Journal) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | empty journal | %s payments |\n| --- | --- | --- |\n", grouped(j.Payments))
	row := func(name string, of func(Costs) float64) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name,
			number(median(j.Rounds, func(r JournalRound) float64 { return of(r.Empty) }), "ms"),
			number(median(j.Rounds, func(r JournalRound) float64 { return of(r.Large) }), "ms"))
	}
	for _, cost := range costs {
		row(cost.name, cost.of)
	}
	row("start", func(c Costs) float64 { return c.Start })
	fmt.Fprintf(&b, "\nThe large journal has %.0f MB. Writing it took %.0f s: %s payments a second.\n\n",
		float64(j.Bytes)/1e6, j.Filled, grouped(int(float64(j.Payments)/max(j.Filled, 0.001))))
	b.WriteString("| list of the large journal | query | p50 | p99 |\n| --- | --- | --- | --- |\n")
	for _, list := range j.Lists {
		query := "none"
		if list.Query != "" {
			query = "`" + list.Query + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", list.Name, query, number(list.P50, "ms"),
			number(list.P99, "ms"))
	}
	b.WriteString("\n")
	writeGoals(&b, j.goals())
	return b.String()
}

// number prints a figure with as many digits as a reader can use.
func number(value float64, unit string) string {
	text := fmt.Sprintf("%.2f", value)
	switch {
	case value >= 100:
		text = grouped(int(value + 0.5))
	case value >= 10:
		text = fmt.Sprintf("%.1f", value)
	}
	return strings.TrimSpace(text + " " + unit)
}

// grouped prints a number with a comma after each thousand.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
