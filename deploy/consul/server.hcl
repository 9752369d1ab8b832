# Consul as Cellway runs it in containers: one server that keeps its data. Server RPC and gossip stay inside the
# container; three servers override bind, bootstrap and join on their command line (compose.consul-3.yml).
server           = true
bootstrap_expect = 1
datacenter       = "dc1"
data_dir         = "/consul/data"
bind_addr        = "127.0.0.1"
advertise_addr   = "127.0.0.1"
client_addr      = "0.0.0.0"

ports {
  grpc     = -1
  grpc_tls = -1
  dns      = -1
  serf_wan = -1
}

ui_config {
  enabled = true
}

performance {
  raft_multiplier = 1
}

limits {
  http_max_conns_per_client = 2000
}

log_level             = "WARN"
leave_on_terminate    = false
check_update_interval = "10s" # how old a check's text may be that changes without its status; for people
disable_update_check  = true
enable_script_checks  = false

# Nothing without a token but what the policy of the anonymous one names.
acl {
  enabled                  = true
  default_policy           = "deny"
  down_policy              = "extend-cache"
  enable_token_persistence = false
}
