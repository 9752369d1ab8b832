# A cell joins the cluster (the first one founds it), keeps its own record, and registers its instances.
key "@prefix@/cluster" {
  policy = "write"
}
key "@prefix@/cells/@cell@" {
  policy = "write"
}
service "@service@" {
  policy = "write"
}
node_prefix "" {
  policy = "read"
}
