# Whoever has no token, Consul's UI first of all: who is there and how they are. No key, no session, no configuration.
service_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
