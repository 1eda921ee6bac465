package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFailpointStrikesOnceAtItsCount(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	f, err := armFailpoint([]string{"PATH=/bin", "ROUTER_FAILPOINT=sent:2:pause"}, &out)
	require.NoError(t, err)
	f.reach("sent")
	f.reach("journalled")
	require.Empty(t, out.String())
	f.reach("sent")
	f.reach("sent")
	require.Equal(t, "failpoint sent\n", out.String())
}

func TestNoFailpointIsArmedByDefault(t *testing.T) {
	t.Parallel()
	f, err := armFailpoint([]string{"PATH=/bin"}, nil)
	require.NoError(t, err)
	require.Nil(t, f)
	f.reach("sent")
}

func TestFailpointsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"sent", "sent:0:kill", "sent:x:kill", "sent:1:explode", "sent:1:kill:2"} {
		_, err := armFailpoint([]string{"ROUTER_FAILPOINT=" + setting}, nil)
		require.ErrorContains(t, err, setting)
	}
}
