package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"payrouter/abi/conformance/check"
	"payrouter/abi/guest"
	"payrouter/test/bench/calls/answer"
)

// The command that serves the plugin over gRPC is this one, which go-plugin starts again.
const (
	serveArgument = "grpc"
	pluginName    = "connector"
	serviceName   = "payrouter.bench.Connector"
)

func handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion: 1, MagicCookieKey: "PAYROUTER_BENCH", MagicCookieValue: "connector",
	}
}

// serveRemote serves the connector until the process that started this one ends it.
func serveRemote(connector guest.Connector) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         plugin.PluginSet{pluginName: &remote{connector: connector}},
		GRPCServer:      plugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

// remote is both sides of the plugin. Calls and answers travel as bytes, encoded as for a guest.
type remote struct {
	plugin.NetRPCUnsupportedPlugin
	connector guest.Connector
}

// GRPCServer implements plugin.GRPCPlugin.
func (r *remote) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{r.method(answer.Prepare), r.method(answer.Interpret)},
	}, r)
	return nil
}

func (r *remote) method(name string) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, _ context.Context, decode func(any) error,
		_ grpc.UnaryServerInterceptor,
	) (any, error) {
		var input wrapperspb.BytesValue
		if err := decode(&input); err != nil {
			return nil, err
		}
		answered, err := answer.Call(r.connector, name, input.GetValue())
		if err != nil {
			return nil, err
		}
		return wrapperspb.Bytes(answered), nil
	}}
}

// GRPCClient implements plugin.GRPCPlugin.
func (*remote) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}

// newRemote starts the plugin as a process of its own.
func newRemote(ctx context.Context) (callable, error) {
	self, err := os.Executable()
	if err != nil {
		return callable{}, fmt.Errorf("find this command: %w", err)
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake(), Plugins: plugin.PluginSet{pluginName: &remote{}},
		Cmd:              exec.CommandContext(ctx, self, serveArgument),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	dispensed, err := dispense(client)
	if err != nil {
		client.Kill()
		return callable{}, err
	}
	return callable{
		call: func(ctx context.Context, export check.Export, input []byte) ([]byte, error) {
			var answered wrapperspb.BytesValue
			err := dispensed.Invoke(ctx, "/"+serviceName+"/"+string(export), wrapperspb.Bytes(input), &answered)
			return answered.GetValue(), err
		},
		close: func() error {
			client.Kill()
			return nil
		},
	}, nil
}

func dispense(client *plugin.Client) (*grpc.ClientConn, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, fmt.Errorf("start the plugin: %w", err)
	}
	dispensed, err := protocol.Dispense(pluginName)
	if err != nil {
		return nil, fmt.Errorf("reach the plugin: %w", err)
	}
	connection, is := dispensed.(*grpc.ClientConn)
	if !is {
		return nil, errors.New("the plugin gave no connection")
	}
	return connection, nil
}
