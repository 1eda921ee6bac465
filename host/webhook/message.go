package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"payrouter/host/payment"
)

// message is what an endpoint is sent. It is the same, byte by byte, in each try of an event.
type message struct {
	Type      payment.EntryType `json:"type"`
	Timestamp time.Time         `json:"timestamp"`
	Data      content           `json:"data"`
}

type content struct {
	// Sequence rises with time: of two events of a payment, the one with the higher sequence has the current state.
	Sequence int64           `json:"sequence"`
	Cause    payment.Cause   `json:"cause"`
	Payment  json.RawMessage `json:"payment"`
}

func bodyOf(e payment.Entry) ([]byte, error) {
	body, err := json.Marshal(message{
		Type: e.Type, Timestamp: e.At,
		Data: content{Sequence: e.Sequence, Cause: e.Cause, Payment: e.Snapshot},
	})
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return body, nil
}

// sign sets the headers of one try. The event's id stays the same over all tries, so that a receiver can recognize
// repetitions.
func sign(header http.Header, eventID string, body []byte, secrets []Secret, now time.Time) error {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(string(secret))
		if err != nil {
			return fmt.Errorf("read the endpoint's secret: %w", err)
		}
		if signatures[i], err = signer.Sign(eventID, now, body); err != nil {
			return fmt.Errorf("sign event %s: %w", eventID, err)
		}
	}
	header.Set(standardwebhooks.HeaderWebhookID, eventID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
