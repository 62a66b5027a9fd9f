// Package cluster is one replica of limitd: it owns raft and its stores, keeps
// cluster time, brings records through the log, and does what a leader has to do.
package cluster
