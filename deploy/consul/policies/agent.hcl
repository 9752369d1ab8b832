# Consul's own agents: their node's entry in the catalog, and the checks of services that they look after.
node_prefix "" {
  policy = "write"
}
service_prefix "" {
  policy = "read"
}
