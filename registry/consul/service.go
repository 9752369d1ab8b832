package consul

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// Keys of a registration's meta, all of them readable in Consul's UI.
const (
	metaID         = "id"
	metaCell       = "cell"
	metaSchema     = "schema"
	metaWeight     = "weight"
	metaVersion    = "version"
	metaPartitions = "partitions"
	metaClusterID  = "cluster_id"
	metaDatabaseID = "database_id"
	metaInternal   = "internal"
)

func aliveCheckID(instanceID string) string  { return instanceID + ":alive" }
func healthCheckID(instanceID string) string { return instanceID + ":health" }

// registration describes a valid instance to Consul.
func registration(cfg Config, in registry.Instance, health registry.Health) (*api.AgentServiceRegistration, error) {
	host, port, err := net.SplitHostPort(in.Address)
	if err != nil {
		return nil, fmt.Errorf("address of instance %s: %w", in.ID, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("port of instance %s: %w", in.ID, err)
	}
	return &api.AgentServiceRegistration{
		Name:    cfg.Service,
		ID:      in.ID,
		Tags:    []string{in.Cell},
		Address: host,
		Port:    number,
		Meta: map[string]string{
			metaID: in.ID, metaCell: in.Cell, metaSchema: in.Schema, metaVersion: in.Version,
			metaWeight: strconv.Itoa(in.Weight), metaPartitions: strconv.Itoa(in.Partitions),
			metaClusterID: in.ClusterID, metaDatabaseID: in.DatabaseID, metaInternal: in.Internal,
		},
		EnableTagOverride: false,
		Checks:            api.AgentServiceChecks{healthCheck(cfg, in, health), aliveCheck(cfg, in)},
	}, nil
}

// healthCheck lets Consul ask the instance. Until it has asked the first time the check shows what the instance
// says of itself now: it would be called sick for an interval after each registration otherwise.
func healthCheck(cfg Config, in registry.Instance, health registry.Health) *api.AgentServiceCheck {
	return &api.AgentServiceCheck{
		CheckID:  healthCheckID(in.ID),
		Name:     in.Cell + " answers /health (database ping included)",
		Notes:    "Consul asks the instance itself. Critical: its customers get 503 until it recovers; they stay with their cell.",
		HTTP:     "http://" + in.Address + "/health",
		Interval: cfg.HTTPInterval.String(),
		Timeout:  cfg.HTTPInterval.String(),
		Status:   status(health),
	}
}

// aliveCheck expires unless the process beats. It is critical until the first beat, which follows at once: Consul
// publishes a check's output with a change of its status, and otherwise only every five minutes.
func aliveCheck(cfg Config, in registry.Instance) *api.AgentServiceCheck {
	return &api.AgentServiceCheck{
		CheckID:                        aliveCheckID(in.ID),
		Name:                           in.Cell + " process alive",
		Notes:                          "The process says so every second. TTL expired: it is dead, frozen, or cut off from this agent.",
		TTL:                            cfg.CheckTTL.String(),
		Status:                         api.HealthCritical,
		DeregisterCriticalServiceAfter: cfg.DeregisterAfter.String(),
	}
}

func status(health registry.Health) string {
	if health.OK {
		return api.HealthPassing
	}
	return api.HealthCritical
}

// instance reads a registration back. Anybody may have written it: the error says what is wrong with it, and then
// of the instance only the ID is for use.
func instance(entry *api.ServiceEntry) (registry.Instance, error) {
	if entry == nil || entry.Service == nil {
		return registry.Instance{}, fmt.Errorf("%w: no service in the answer", registry.ErrInvalid)
	}
	meta := entry.Service.Meta
	weight, err := strconv.Atoi(meta[metaWeight])
	if err != nil {
		return registry.Instance{ID: entry.Service.ID}, fmt.Errorf("%w: weight: %w", registry.ErrInvalid, err)
	}
	partitions, err := strconv.Atoi(meta[metaPartitions])
	if err != nil {
		return registry.Instance{ID: entry.Service.ID}, fmt.Errorf("%w: partitions: %w", registry.ErrInvalid, err)
	}
	in := registry.Instance{
		ID:         entry.Service.ID,
		Cell:       meta[metaCell],
		Address:    net.JoinHostPort(entry.Service.Address, strconv.Itoa(entry.Service.Port)),
		Internal:   meta[metaInternal],
		Schema:     meta[metaSchema],
		Version:    meta[metaVersion],
		Weight:     weight,
		Partitions: partitions,
		ClusterID:  meta[metaClusterID],
		DatabaseID: meta[metaDatabaseID],
	}
	in.Healthy, in.Output = judged(entry.Checks)
	return in, in.Validate()
}

// maxOutput bounds what is handed on of a check's output, in bytes.
const maxOutput = 300

// judged is healthy if every check passes, those of the node included; else the output is that of the first
// check, by ID, that is not.
func judged(checks api.HealthChecks) (healthy bool, output string) {
	var failing *api.HealthCheck
	for _, check := range checks {
		if check.Status != api.HealthPassing && (failing == nil || check.CheckID < failing.CheckID) {
			failing = check
		}
	}
	if failing == nil {
		return len(checks) > 0, ""
	}
	text := strings.Join(strings.Fields(failing.Output), " ")
	if text == "" {
		text = fmt.Sprintf("%s: %s", failing.Name, failing.Status)
	}
	if len(text) > maxOutput {
		text = strings.ToValidUTF8(text[:maxOutput], "")
	}
	return false, text
}
