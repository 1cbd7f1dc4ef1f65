module portmaster-simulator

go 1.22
