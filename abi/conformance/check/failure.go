package check

import abi "payrouter/abi/v1"

// isCode reports whether a text is one of the router's failure codes.
func isCode(code string) bool {
	_, known := abi.FailureCodes[code]
	return known
}
