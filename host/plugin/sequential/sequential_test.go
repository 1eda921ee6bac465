package sequential_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin/sequential"
)

const alpha, beta = 0.05, 0.05

// rate is how often payments are bad at a side, as the run goes on.
type rate func(payment int) float64

func always(p float64) rate { return func(int) float64 { return p } }

// outages: nothing works for some payments of every so many.
func outages(every, last int, calm float64) rate {
	return func(payment int) float64 {
		if payment%every >= every-last {
			return 1
		}
		return calm
	}
}

// run draws payments until the test is decided for worse, and returns how many that took; 0 where it never is.
func run(random *rand.Rand, alpha, share float64, canary, stable rate, payments int) (
	test *sequential.Test, took int,
) {
	test = sequential.New(alpha, beta)
	for i := range payments {
		drawn := random.Float64() < share
		at := stable
		if drawn {
			at = canary
		}
		test.Add(sequential.Result{Canary: drawn, Share: share, Bad: random.Float64() < at(i)})
		if test.Verdict() == sequential.Worse {
			return test, i + 1
		}
	}
	return test, 0
}

// Over runs of thousands of payments, a canary as good as the stable one is called worse in at most alpha of the runs,
// whatever the share, however bad both are, and while the provider has outages.
func TestAnEqualCanaryIsCalledWorseInAtMostAlphaOfTheRuns(t *testing.T) {
	t.Parallel()
	const runs, payments = 400, 3000
	// What a binomial variable with mean alpha exceeds once in ten thousand times.
	most := int(runs*alpha + 3.7*math.Sqrt(runs*alpha*(1-alpha)))
	for name, both := range map[string]rate{
		"rarely bad": always(0.005), "bad": always(0.05), "often bad": always(0.3), "almost always bad": always(0.97),
		"with short outages": outages(100, 5, 0.01), "with long outages": outages(1000, 300, 0.002),
		"from one payment to the next": outages(2, 1, 0),
	} {
		for _, share := range []float64{0.01, 0.25, 0.5, 0.99} {
			t.Run(fmt.Sprintf("%s at %g", name, share), func(t *testing.T) {
				t.Parallel()
				wrong := 0
				for seed := range uint64(runs) {
					random := rand.New(rand.NewPCG(seed, 1))
					if _, took := run(random, alpha, share, both, both, payments); took > 0 {
						wrong++
					}
				}
				require.LessOrEqual(t, wrong, most)
			})
		}
	}
}

// A canary that is better is not called worse more often than an equal one.
func TestABetterCanaryIsNotCalledWorse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		_, took := run(rand.New(rand.NewPCG(seed, 2)), alpha, 0.25, always(0.02), always(0.2), 2000)
		require.Zero(t, took)
	}
}

// effects are how many payments of both sides it takes at most, in 95 of 100 runs, until a worse canary is found by one
// of six tests that share alpha, as a canary's do. docs/swapping.md has some of them.
var effects = []struct {
	name           string
	share          float64
	canary, stable rate
	within         int
}{
	{"nothing works", 0.5, always(1), always(0.01), 20},
	{"nothing works", 0.25, always(1), always(0.01), 30},
	{"nothing works", 0.1, always(1), always(0.01), 60},
	{"nothing works", 0.01, always(1), always(0.01), 500},
	{"nothing works, of much that does not either", 0.5, always(1), always(0.3), 75},
	{"half", 0.5, always(0.5), always(0.01), 75},
	{"half", 0.1, always(0.5), always(0.01), 180},
	{"a fifth", 0.5, always(0.2), always(0.01), 250},
	{"a fifth", 0.1, always(0.2), always(0.01), 650},
	{"a twentieth", 0.5, always(0.05), always(0.005), 1300},
	{"30 % declined, 20 % at the stable", 0.5, always(0.3), always(0.2), 3000},
	{"45 % declined, 30 % at the stable", 0.25, always(0.45), always(0.3), 2000},
	{"nothing works after 2000 good payments", 0.5, func(i int) float64 {
		if i < 2000 {
			return 0.005
		}
		return 1
	}, always(0.005), 2040},
}

func TestAWorseCanaryIsFound(t *testing.T) {
	t.Parallel()
	const runs = 300
	for _, effect := range effects {
		t.Run(fmt.Sprintf("%s at %g", effect.name, effect.share), func(t *testing.T) {
			t.Parallel()
			var took []int
			for seed := range uint64(runs) {
				random := rand.New(rand.NewPCG(seed, 3))
				_, after := run(random, alpha/6, effect.share, effect.canary, effect.stable, 20*effect.within)
				require.NotZero(t, after, "seed %d", seed)
				took = append(took, after)
			}
			slices.Sort(took)
			t.Logf("median %d, 95 of 100 within %d", took[runs/2], took[runs*95/100])
			require.LessOrEqual(t, took[runs*95/100], effect.within)
		})
	}
}

// A canary that is as good is known to be so in the end. One that is worse is called so in at most beta of the runs.
func TestAsGood(t *testing.T) {
	t.Parallel()
	const runs, payments = 300, 6000
	known := 0
	for seed := range uint64(runs) {
		test, _ := run(rand.New(rand.NewPCG(seed, 4)), alpha, 0.5, always(0.01), always(0.01), payments)
		if test.Verdict() == sequential.AsGood {
			known++
		}
	}
	require.Greater(t, known, runs*9/10)
	wrong := 0
	for seed := range uint64(runs) {
		random, test := rand.New(rand.NewPCG(seed, 5)), sequential.New(1e-300, beta)
		for range payments {
			drawn := random.Float64() < 0.5
			bad := random.Float64() < 0.02
			if drawn {
				bad = random.Float64() < 0.1
			}
			test.Add(sequential.Result{Canary: drawn, Share: 0.5, Bad: bad})
			if test.Verdict() == sequential.AsGood {
				wrong++
				break
			}
		}
	}
	require.LessOrEqual(t, wrong, runs*5/100+15)
}

// The verdict Worse is for good, and the statistic stays at what decided it.
func TestWorseIsForGood(t *testing.T) {
	t.Parallel()
	test := sequential.New(alpha, beta)
	require.Zero(t, test.Statistic())
	require.InDelta(t, math.Log(1/alpha), test.Bound(), 1e-9)
	for range 20 {
		require.NotEqual(t, sequential.AsGood, test.Verdict())
		test.Add(sequential.Result{Canary: true, Share: 0.5, Bad: true})
		test.Add(sequential.Result{Share: 0.5})
	}
	require.Equal(t, sequential.Worse, test.Verdict())
	decided := test.Statistic()
	require.GreaterOrEqual(t, decided, test.Bound())
	for range 1000 {
		test.Add(sequential.Result{Canary: true, Share: 0.5})
	}
	require.Equal(t, sequential.Worse, test.Verdict())
	require.InDelta(t, decided, test.Statistic(), 0)
}
