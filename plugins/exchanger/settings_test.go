package main

import (
	"testing"
	"time"
	_ "time/tzdata" // the world's tables, on any machine

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func TestReadSettingsRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "{", "[]", `{"error_final_after_hours":-1}`,
		`{"error_final_after_hours":"soon"}`,
	} {
		_, err := readSettings([]byte(raw))
		require.Equal(t, abi.Error_CODE_BAD_SETTINGS, faultOf(t, err), raw)
	}
	for _, action := range []string{`0`, `5`, `"12"`, `"x"`} {
		account, err := readSettings([]byte(`{"directions":{"USDT":{"direction_id":"12","calc_action":` + action +
			`}}}`))
		require.NoError(t, err)
		_, _, err = account.direction(&abi.Payment{Currency: "USDT"})
		require.Equal(t, abi.Error_CODE_BAD_SETTINGS, faultOf(t, err), action)
	}
}

func faultOf(t *testing.T, err error) abi.Error_Code {
	t.Helper()
	var fault *guest.Error
	require.ErrorAs(t, err, &fault)
	return fault.Code
}

func TestErrorFinalAfter(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int64{
		`{}`: 72 * hour, `{"error_final_after_hours":0}`: 0, `{"error_final_after_hours":1}`: hour,
	} {
		account, err := readSettings([]byte(raw))
		require.NoError(t, err)
		require.Equal(t, want, account.errorFinalAfter)
	}
}

func TestOptionsGoOverSettings(t *testing.T) {
	t.Parallel()
	account, err := readSettings([]byte(`{"payer_fields":{"cf6":"email","cf4":"phone"},
		"directions":{"USDT":{"direction_id":"12","account1":"a","fields":{"cf10":"region"}}}}`))
	require.NoError(t, err)
	payment := &abi.Payment{
		Currency: "USDT", Payer: &abi.Payer{Email: "payer@example.com", Phone: "+49"},
		Options: []byte(`{"direction_id":"13","account2":"c","cf4":"mine"}`),
	}
	d, reject, err := account.direction(payment)
	require.NoError(t, err)
	require.Nil(t, reject)
	require.Equal(t, "13", d.id)
	require.Equal(t, "a", d.account1)
	require.Equal(t, "c", d.account2)
	require.Equal(t, []entry{{"cf6", "payer@example.com"}, {"cf4", "mine"}, {"cf10", "region"}}, d.fields)
}

// Whoever may create a payment does not choose who gets its money.
func TestNoOptionChangesWhereTheSitePays(t *testing.T) {
	t.Parallel()
	account, err := readSettings([]byte(
		`{"directions":{"USDT":{"direction_id":"12","account2":"ours","fields":{"cfget8":"Shop GmbH"}}}}`))
	require.NoError(t, err)
	for options, field := range map[string]string{
		`{"account2":"theirs"}`:                       "/provider_options/exchanger/account2",
		`{"direction_id":"13","account2":"theirs"}`:   "/provider_options/exchanger/account2",
		`{"account2":"ours","cfget8":"Another GmbH"}`: "/provider_options/exchanger/cfget8",
		`{"account2":"ours","cfget8":"Shop GmbH"}`:    "",
		`{"cf4":"mine"}`:                              "",
	} {
		_, reject, err := account.direction(&abi.Payment{Currency: "USDT", Options: []byte(options)})
		require.NoError(t, err)
		require.Equal(t, field, reject.GetReject().GetField(), options)
	}
}

func TestReadOptionsRefuses(t *testing.T) {
	t.Parallel()
	for raw, field := range map[string]string{
		`[]`:                       "/provider_options/exchanger",
		`{`:                        "/provider_options/exchanger",
		`{"amount":"1"}`:           "/provider_options/exchanger/amount",
		`{"cf6":{"a":1}}`:          "/provider_options/exchanger/cf6",
		`{"account1":["a"]}`:       "/provider_options/exchanger/account1",
		`{"calc_amount":"1"}`:      "/provider_options/exchanger/calc_amount",
		`{"cf6":"a","api_id":"1"}`: "/provider_options/exchanger/api_id",
	} {
		_, reject := readOptions([]byte(raw), orderOption, "")
		require.Equal(t, "invalid_request", reject.GetReject().GetCode(), raw)
		require.Equal(t, field, reject.GetReject().GetField())
	}
}

func TestIsCustom(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"cf1": true, "cf99": true, "cfgive8": true, "cfget12": true,
		"cf": false, "cfgive": false, "cfx": false, "cf1x": false, "xcf1": false, "cf1234567": false, "": false,
	} {
		require.Equal(t, want, isCustom(name), name)
	}
}

func TestTheSitesClock(t *testing.T) {
	t.Parallel()
	for text, seconds := range map[string]int64{"+00:00": 0, "+03:00": 10800, "-05:30": -19800, "+14:00": 50400} {
		account, err := readSettings([]byte(`{"utc_offset":"` + text + `"}`))
		require.NoError(t, err)
		require.Equal(t, zone{standard: seconds}, account.zone, text)
	}
	for _, text := range []string{"3", "+3:00", "+15:00", "+03:60", "+03.00", "03:00 ", "Europe"} {
		_, err := readSettings([]byte(`{"utc_offset":"` + text + `"}`))
		require.Error(t, err, text)
	}
}

// The zones that settings can name are those of the world's tables.
func TestZones(t *testing.T) {
	t.Parallel()
	schema := manifest().GetSettingsSchema()
	for name, z := range zones {
		require.Contains(t, schema, `"`+name+`"`)
		place, err := time.LoadLocation(name)
		require.NoError(t, err)
		from := time.Date(2025, 1, 1, 0, 30, 0, 0, time.UTC)
		for hour := range 3 * 366 * 24 {
			at := from.Add(time.Duration(hour) * time.Hour)
			_, want := at.In(place).Zone()
			if z.ahead(at.Unix()) != int64(want) {
				t.Fatal(name, at, want)
			}
		}
		noon := time.Date(2026, 7, 1, 12, 0, 0, 0, place)
		require.Equal(t, noon.Unix(), z.utc(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Unix()), name)
	}
}
