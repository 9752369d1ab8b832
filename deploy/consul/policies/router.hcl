# A router reads all of the cluster's keys, and keeps what operators ask of it: drains and removals, requests, orders, and the pace.
key_prefix "@prefix@/" {
  policy = "read"
}
key_prefix "@prefix@/cells/" {
  policy = "write"
}
key "@prefix@/orders" {
  policy = "write"
}
key "@prefix@/requests/rebalance" {
  policy = "write"
}
key "@prefix@/pace" {
  policy = "write"
}
service "@service@" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
