package ledger

import (
	"testing"

	"github.com/cellway/cellway/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.CheckLeaks()) }
