package certificate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/certificate"
	"payrouter/host/certificate/certificatetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a source over files in a folder of its own.
type fixture struct {
	*certificate.Source
	t         *testing.T
	authority *certificatetest.Authority
	settings  certificate.Settings
	log       bytes.Buffer // read it only where no source runs
}

func newFixture(t *testing.T, with certificate.Settings) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, authority: certificatetest.New(t), settings: with}
	f.settings.Certificate, f.settings.Key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if f.settings.Now == nil {
		f.settings.Now = time.Now
	}
	f.settings.Logger = slog.New(slog.NewTextHandler(&f.log, nil))
	return f
}

func (f *fixture) open(first certificatetest.Pair) {
	f.t.Helper()
	first.Write(f.t, f.settings.Certificate, f.settings.Key)
	var err error
	f.Source, err = certificate.Open(f.settings)
	require.NoError(f.t, err)
}

// listen serves handshakes until the test ends.
func (f *fixture) listen() (address string) {
	f.t.Helper()
	raw, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	listener := tls.NewListener(raw, f.Config())
	var served sync.WaitGroup
	served.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer connection.Close()
				if connection.(*tls.Conn).HandshakeContext(context.Background()) == nil {
					_, _ = connection.Write([]byte("x")) // with TLS 1.3 a client learns of a refusal when it reads
				}
			})
		}
	})
	f.t.Cleanup(func() {
		require.NoError(f.t, raw.Close())
		served.Wait()
	})
	return raw.Addr().String()
}

// dial makes a connection of its own and returns the serial number of the certificate that was served.
func dial(address string, config *tls.Config) (*big.Int, error) {
	connection, err := (&tls.Dialer{Config: config}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	if _, err := io.ReadFull(connection, make([]byte, 1)); err != nil {
		return nil, err
	}
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber, nil
}

// The ways in which what keeps certificates replaces them.
func replacements(f *fixture) []func(certificatetest.Pair) {
	dir := filepath.Dir(f.settings.Certificate)
	return []func(certificatetest.Pair){
		func(p certificatetest.Pair) { // written over, as by cp
			p.Write(f.t, f.settings.Certificate, f.settings.Key)
		},
		func(p certificatetest.Pair) { // renamed over, as by an agent
			p.Write(f.t, filepath.Join(dir, "new.crt"), filepath.Join(dir, "new.key"))
			require.NoError(f.t, os.Rename(filepath.Join(dir, "new.crt"), f.settings.Certificate))
			require.NoError(f.t, os.Rename(filepath.Join(dir, "new.key"), f.settings.Key))
		},
		func(p certificatetest.Pair) { // a link to a new folder, as by Kubernetes and certbot
			version, err := os.MkdirTemp(dir, "version")
			require.NoError(f.t, err)
			p.Write(f.t, filepath.Join(version, "tls.crt"), filepath.Join(version, "tls.key"))
			link := filepath.Join(dir, "..data")
			require.NoError(f.t, os.Symlink(version, link+".new"))
			require.NoError(f.t, os.Rename(link+".new", link))
			for _, path := range []string{f.settings.Certificate, f.settings.Key} {
				require.NoError(f.t, os.RemoveAll(path))
				require.NoError(f.t, os.Symlink(filepath.Join("..data", filepath.Base(path)), path))
			}
		},
	}
}

func TestNoHandshakeFailsWhileTheCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t, certificate.Settings{Every: 10 * time.Millisecond, Settle: 5 * time.Millisecond})
	f.open(f.authority.Issue(time.Hour))
	address := f.listen()
	ctx, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { f.Run(ctx) })
	client := &tls.Config{RootCAs: f.authority.Pool()}
	var failed, shaken atomic.Int64
	for range 4 {
		background.Go(func() {
			for ctx.Err() == nil {
				if _, err := dial(address, client); err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
				shaken.Add(1)
			}
		})
	}
	ways := replacements(f)
	for i := range 20 {
		next := f.authority.Issue(time.Hour)
		ways[i%len(ways)](next)
		require.Eventually(t, func() bool {
			serial, err := dial(address, client)
			return err == nil && serial.Cmp(next.Leaf.SerialNumber) == 0
		}, time.Minute, time.Millisecond, "replacement %d is served", i)
	}
	stop()
	background.Wait()
	require.Zero(t, failed.Load())
	require.NotZero(t, shaken.Load())
	require.NoError(t, f.Status().Problem)
}

func TestFilesThatCannotBeUsedLeaveTheFormerCertificateServing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*fixture, certificatetest.Pair) (problem string){
		"the key of another certificate": func(f *fixture, next certificatetest.Pair) string {
			next.Write(f.t, f.settings.Certificate, filepath.Join(f.t.TempDir(), "key"))
			return "private key does not match"
		},
		"no PEM": func(f *fixture, _ certificatetest.Pair) string {
			require.NoError(f.t, os.WriteFile(f.settings.Certificate, []byte("nonsense"), 0o600))
			return "there is no certificate"
		},
		"a missing file": func(f *fixture, _ certificatetest.Pair) string {
			require.NoError(f.t, os.Remove(f.settings.Key))
			return "tls.key"
		},
		"a chain that is cut off": func(f *fixture, next certificatetest.Pair) string {
			next.Write(f.t, f.settings.Certificate, f.settings.Key)
			text := next.Certificate + f.authority.PEM()[:200]
			require.NoError(f.t, os.WriteFile(f.settings.Certificate, []byte(text), 0o600))
			return "the block after certificate 1 is cut off"
		},
		"a certificate that has expired": func(f *fixture, _ certificatetest.Pair) string {
			f.authority.Issue(-time.Hour).Write(f.t, f.settings.Certificate, f.settings.Key)
			return "expired at"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, certificate.Settings{})
			first := f.authority.Issue(time.Hour)
			f.open(first)
			address := f.listen()
			problem := spoil(f, f.authority.Issue(time.Hour))
			require.ErrorContains(t, f.Reload(), problem)
			require.ErrorContains(t, f.Reload(), problem, "also when it is asked again")
			require.ErrorContains(t, f.Status().Problem, problem)
			require.Equal(t, first.Leaf.NotAfter, f.Status().Expires)
			require.Equal(t, 1, strings.Count(f.log.String(), "level=ERROR"), f.log.String())
			require.NotContains(t, f.log.String(), "PRIVATE KEY")
			serial, err := dial(address, &tls.Config{RootCAs: f.authority.Pool()})
			require.NoError(t, err)
			require.Equal(t, first.Leaf.SerialNumber, serial)

			mended := f.authority.Issue(time.Hour)
			mended.Write(t, f.settings.Certificate, f.settings.Key)
			require.NoError(t, f.Reload())
			require.NoError(t, f.Status().Problem)
			serial, err = dial(address, &tls.Config{RootCAs: f.authority.Pool()})
			require.NoError(t, err)
			require.Equal(t, mended.Leaf.SerialNumber, serial)
		})
	}
}

func TestARouterDoesNotStartWithoutAUsableCertificate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, certificate.Settings{})
	_, err := certificate.Open(f.settings)
	require.ErrorContains(t, err, "tls.crt")
	require.ErrorContains(t, err, "tls.key", "every file that is missing is named")
}

// What has expired serves where there is nothing else, and is reported as what it is.
func TestACertificateThatExpiresIsAProblem(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := newFixture(t, certificate.Settings{Now: func() time.Time { return now }})
	f.open(f.authority.Issue(time.Hour))
	require.NoError(t, f.Status().Problem)
	now = now.Add(2 * time.Hour)
	require.ErrorContains(t, f.Status().Problem, "expired at")
	_, err := certificate.Open(f.settings)
	require.NoError(t, err)
	require.Contains(t, f.log.String(), "clients refuse the TLS certificate")
}

func TestOnlyTLS12AndLaterAndHTTP1AreSpoken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, certificate.Settings{})
	f.open(f.authority.Issue(time.Hour))
	address := f.listen()
	_, err := dial(address, &tls.Config{RootCAs: f.authority.Pool(), MaxVersion: tls.VersionTLS11})
	require.Error(t, err)
	_, err = dial(address, &tls.Config{RootCAs: f.authority.Pool(), MaxVersion: tls.VersionTLS12})
	require.NoError(t, err)
	connection, err := (&tls.Dialer{Config: &tls.Config{
		RootCAs: f.authority.Pool(), NextProtos: []string{"h2", "http/1.1"},
	}}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer connection.Close()
	require.Equal(t, "http/1.1", connection.(*tls.Conn).ConnectionState().NegotiatedProtocol)
}

func TestClientsNeedACertificateOfTheAuthoritiesThatAreActive(t *testing.T) {
	t.Parallel()
	former, next := certificatetest.New(t), certificatetest.New(t)
	file := filepath.Join(t.TempDir(), "clients.pem")
	require.NoError(t, os.WriteFile(file, []byte(former.PEM()), 0o600))
	f := newFixture(t, certificate.Settings{ClientCA: file})
	f.open(f.authority.Issue(time.Hour))
	address := f.listen()
	// A session of the former authorities must not be resumed under the next.
	config := func(pair ...tls.Certificate) *tls.Config {
		return &tls.Config{
			RootCAs: f.authority.Pool(), Certificates: pair, ClientSessionCache: tls.NewLRUClientSessionCache(8),
		}
	}
	old, fresh := former.Issue(time.Hour), next.Issue(time.Hour)
	none, before, after := config(), config(old.TLS(t)), config(fresh.TLS(t))
	_, err := dial(address, none)
	require.Error(t, err)
	_, err = dial(address, after)
	require.Error(t, err)
	_, err = dial(address, before)
	require.NoError(t, err)
	open := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{old.Leaf}}
	require.NoError(t, f.Admit(open))

	require.NoError(t, os.WriteFile(file, []byte("nonsense"), 0o600))
	require.ErrorContains(t, f.Reload(), "there is no certificate")
	_, err = dial(address, before)
	require.NoError(t, err, "a broken file changes nothing")

	require.NoError(t, os.WriteFile(file, []byte(next.PEM()), 0o600))
	require.NoError(t, f.Reload())
	_, err = dial(address, before)
	require.Error(t, err)
	_, err = dial(address, after)
	require.NoError(t, err)
	require.ErrorIs(t, f.Admit(open), certificate.ErrClient, "a connection that is open is not admitted either")
	require.ErrorIs(t, f.Admit(nil), certificate.ErrClient)
}
