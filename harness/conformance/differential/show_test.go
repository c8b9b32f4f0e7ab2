package differential

import (
	"fmt"
	"testing"
)

func TestShow(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip()
	}
	fmt.Println(Generate(*seedFlag))
}
