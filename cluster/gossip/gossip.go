// Package gossip tells a node of the others.
package gossip
