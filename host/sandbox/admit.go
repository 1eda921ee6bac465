package sandbox

import (
	"net"
	"net/http"

	"payrouter/host/origin"
)

// admitHost refuses a request that came over the loopback interface for a name that anybody may have made resolve to
// it. On other interfaces the sandbox may have any name, as that of a container.
func admitHost(r *http.Request) error {
	at, known := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !known || !at.IP.IsLoopback() {
		return nil
	}
	return origin.CheckLocal(r)
}

// refused answers what a browser sends for a page of another origin. The credentials of the simulated providers are
// public, so they do not keep such a page from booking payments.
func refused(w http.ResponseWriter, r *http.Request) bool {
	err := origin.CheckSame(r)
	if err != nil {
		writeProblem(w, http.StatusForbidden, err.Error())
	}
	return err != nil
}
