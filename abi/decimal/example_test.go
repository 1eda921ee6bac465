package decimal_test

import (
	"fmt"

	"payrouter/abi/decimal"
)

func ExampleParse() {
	asked, _ := decimal.Parse("49.9")
	answered, _ := decimal.Parse("49.90")
	fee, _ := decimal.Parse("1.5e-7")
	fmt.Println(asked.Cmp(answered) == 0, answered.Add(fee))
	// Output: true 49.90000015
}
