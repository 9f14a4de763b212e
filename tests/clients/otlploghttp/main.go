// Logs through OpenTelemetry's SDK and OTLP exporter for Go.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

func main() {
	ctx := context.Background()
	run := os.Getenv("SKALD_RUN")
	lines, err := strconv.Atoi(os.Getenv("SKALD_LINES"))
	if err != nil {
		panic(err)
	}
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(os.Getenv("SKALD_URL")+"/otlp/v1/logs"))
	if err != nil {
		panic(err)
	}
	source := resource.NewSchemaless(
		attribute.String("service.name", "otlploghttp"),
		attribute.String("service.instance.id", run),
	)
	provider := sdk.NewLoggerProvider(sdk.WithResource(source), sdk.WithProcessor(sdk.NewBatchProcessor(exporter)))
	logger := provider.Logger("skald")
	for n := 0; n < lines; n++ {
		var record log.Record
		record.SetTimestamp(time.Now())
		record.SetSeverity(log.SeverityError)
		record.SetBody(attribute.StringValue(fmt.Sprintf("%s line %d.", run, n)))
		record.AddAttributes(attribute.Int("number", n))
		logger.Emit(ctx, record)
	}
	if err := provider.Shutdown(ctx); err != nil {
		panic(err)
	}
}
