package check

func judgeLinear(*facts, *report) {}
