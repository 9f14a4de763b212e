// Logs each line of its input through OpenTelemetry's SDK for Go: sdk http|grpc ADDRESS SERVICE
package main

import (
	"bufio"
	"context"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	api "go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	pauseMin = 200 * time.Millisecond
	pauseMax = time.Second
	triesMax = time.Minute
)

func exporter(ctx context.Context, protocol, address string) (sdk.Exporter, error) {
	if protocol == "grpc" {
		return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(address), otlploggrpc.WithInsecure(),
			otlploggrpc.WithCompressor("gzip"),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig{
				Enabled: true, InitialInterval: pauseMin, MaxInterval: pauseMax, MaxElapsedTime: triesMax,
			}))
	}
	return otlploghttp.New(ctx, otlploghttp.WithEndpoint(address), otlploghttp.WithInsecure(),
		otlploghttp.WithCompression(otlploghttp.GzipCompression),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{
			Enabled: true, InitialInterval: pauseMin, MaxInterval: pauseMax, MaxElapsedTime: triesMax,
		}))
}

func main() {
	ctx := context.Background()
	made, err := exporter(ctx, os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	batches := sdk.NewBatchProcessor(made, sdk.WithExportInterval(200*time.Millisecond))
	source := resource.NewSchemaless(attribute.String("service.name", os.Args[3]))
	provider := sdk.NewLoggerProvider(sdk.WithResource(source), sdk.WithProcessor(batches))
	logger := provider.Logger("shop")
	input := bufio.NewScanner(os.Stdin)
	for number := 0; input.Scan(); number++ {
		var record api.Record
		record.SetTimestamp(time.Now())
		record.SetSeverity(api.SeverityWarn)
		record.SetBody(attribute.StringValue(input.Text()))
		record.AddAttributes(attribute.String("zoo", "tiger"))
		logger.Emit(ctx, record)
	}
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}
