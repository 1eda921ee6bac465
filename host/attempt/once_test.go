package attempt

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A request that is refused for good may repeat one that has made a payment.
func TestRefusalIsNotFinalWhileTheKeyCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := Once(t.Context(), NewDriver(nil, Settings{}), Request[string]{
		Open: func(context.Context) (string, *Flight, *Key, error) {
			return "", nil, nil, errors.New("no provider can take this payment")
		},
		Key: func(context.Context) (*Key, error) { return nil, ErrJournal },
	}, time.Minute)
	require.ErrorIs(t, err, ErrJournal)
}

// Who is answered with what stood before the landing has to ask again.
func TestWhatLandsWhileItIsReadIsWaiting(t *testing.T) {
	t.Parallel()
	const id = OwnerID("pay_1")
	for what, repetition := range map[string]bool{"the first request": false, "a repetition": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			driver := NewDriver(nil, Settings{})
			flight, err := driver.Reserve(id)
			require.NoError(t, err)
			mayLand, key := make(chan struct{}), &Key{Owner: id}
			timeout := time.Minute
			request := Request[string]{
				Kind: OfPayment, ID: func(string) OwnerID { return id },
				Open: func(context.Context) (string, *Flight, *Key, error) {
					if repetition {
						return "", nil, key, nil
					}
					return "processing", flight, nil, nil
				},
				Fly: func(string, *Flight) (string, error) {
					<-mayLand
					return "succeeded", nil
				},
				Read: func(context.Context, OwnerID) (string, error) {
					close(mayLand)
					if repetition {
						driver.Land(id, flight)
					}
					<-flight.landed
					return "processing", nil
				},
			}
			if !repetition {
				timeout = 0
			}
			receipt, err := Once(t.Context(), driver, request, timeout)
			require.NoError(t, err)
			require.Equal(t, "processing", receipt.Value)
			require.True(t, receipt.Waiting)
		})
	}
}
