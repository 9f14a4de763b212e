// Logs through Grafana's Loki client for Go.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/grafana/loki-client-go/loki"
	"github.com/prometheus/common/model"
)

func main() {
	lines, err := strconv.Atoi(os.Getenv("SKALD_LINES"))
	if err != nil {
		panic(err)
	}
	config, err := loki.NewDefaultConfig(os.Getenv("SKALD_URL") + "/loki/api/v1/push")
	if err != nil {
		panic(err)
	}
	client, err := loki.New(config)
	if err != nil {
		panic(err)
	}
	labels := model.LabelSet{"client": "loki-client-go", "level": "info"}
	for n := 0; n < lines; n++ {
		if err := client.Handle(labels, time.Now(), fmt.Sprintf("%s line %d.", os.Getenv("SKALD_RUN"), n)); err != nil {
			panic(err)
		}
	}
	client.Stop()
}
