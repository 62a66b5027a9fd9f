# One of three nodes on one machine. From the project's folder:
#   bin/limitd agent -config deploy/three/n3.hcl
# The first start, a restart and a new start after a crash are this same line.
name     = "n3"
data_dir = "data/n3"

http { address = "127.0.0.1:7500" }
peer { address = "127.0.0.1:7501" }
gossip { address = "127.0.0.1:7502" }

cluster {
  bootstrap_expect = 3
  retry_join       = ["127.0.0.1:7482", "127.0.0.1:7492", "127.0.0.1:7502"]
}

# Made once, by whichever node comes first; later changes stay.
limit "db" { slots = 5 }
limit "mail" {
  slots = 10
  rate  = "50/s"
}
