package formtext_test

import (
	"fmt"

	"payrouter/abi/formtext"
)

func ExampleValue() {
	fmt.Println(formtext.Value("id=4711&status=paid+in+part", "status"))
	// Output: paid in part
}
