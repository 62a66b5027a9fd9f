package client

// SetLanes sets how many short requests go alone at a time.
func (c *Client) SetLanes(n int) {
	c.gather.mu.Lock()
	defer c.gather.mu.Unlock()
	c.gather.free = n
}
