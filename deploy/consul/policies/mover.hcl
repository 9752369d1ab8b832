# A mover alone writes map, journal and progress, and holds the lock. What cells and operators say it only reads, but for the
# orders: it takes out those that are over. The cluster and its cells it writes back where Consul has lost them, from what
# the cells' databases say.
key_prefix "@prefix@/" {
  policy = "read"
}
key "@prefix@/map" {
  policy = "write"
}
key "@prefix@/epoch" {
  policy = "write"
}
key_prefix "@prefix@/moves/" {
  policy = "write"
}
key "@prefix@/rebalance" {
  policy = "write"
}
key "@prefix@/orders" {
  policy = "write"
}
key "@prefix@/leader" {
  policy = "write"
}
key "@prefix@/token" {
  policy = "write"
}
key "@prefix@/cluster" {
  policy = "write"
}
key_prefix "@prefix@/cells/" {
  policy = "write"
}
session_prefix "" {
  policy = "write"
}
service "@service@" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
