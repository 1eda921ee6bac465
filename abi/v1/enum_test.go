package abiv1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfEnums(t *testing.T) {
	t.Parallel()
	require.Equal(t, "requires_action", NameOf(Status_STATUS_REQUIRES_ACTION, "STATUS_"))
	status, err := ValueOf[Status]("requires_action", "STATUS_", Status_value)
	require.NoError(t, err)
	require.Equal(t, Status_STATUS_REQUIRES_ACTION, status)
	status, err = ValueOf[Status]("", "STATUS_", Status_value)
	require.NoError(t, err)
	require.Zero(t, status)
	_, err = ValueOf[Status]("paid", "STATUS_", Status_value)
	require.EqualError(t, err, `"paid" is no status`)
}
