# One of three nodes on one machine. From the project's folder:
#   bin/limitd agent -config deploy/three/n1.hcl
# The first start, a restart and a new start after a crash are this same line.
name     = "n1"
data_dir = "data/n1"

http { address = "127.0.0.1:7480" }
peer { address = "127.0.0.1:7481" }
gossip { address = "127.0.0.1:7482" }

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
