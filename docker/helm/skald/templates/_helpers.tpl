{{/* Name of the server's objects: the release's, as Promtail's default address in loki-stack has it. */}}
{{- define "skald.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{/* Labels that pods are selected by; `component` is server or promtail. */}}
{{- define "skald.selector" -}}
app.kubernetes.io/name: {{ .component | eq "server" | ternary "skald" "promtail" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "skald.labels" -}}
{{ include "skald.selector" . }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Rule files by name: `rules`, and what Loki's chart calls alerting_groups. */}}
{{- define "skald.rules" -}}
{{- $files := deepCopy .Values.loki.rules }}
{{- with .Values.loki.alerting_groups }}
{{- $_ := set $files "alerting_groups.yaml" (dict "groups" .) }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{/* The server's settings: the chart's, what its values mean, and `loki.config` above them. */}}
{{- define "skald.config" -}}
{{- $config := dict "auth_enabled" false "common" (dict "path_prefix" "/data") }}
{{- with .Values.loki.s3 }}
{{- if .url }}
{{- $bucket := dict "url" .url }}
{{- with .endpoint }}
{{- $_ := set $bucket "endpoint" . }}
{{- if hasPrefix "http://" . }}{{ $_ := set $bucket "allow_http" true }}{{ end }}
{{- end }}
{{- with .region }}{{ $_ := set $bucket "region" . }}{{ end }}
{{- $_ := set $config "storage_config" (dict "object_store" $bucket) }}
{{- end }}
{{- end }}
{{- $config = mergeOverwrite $config (deepCopy .Values.loki.config) }}
{{- if include "skald.rules" . | fromYaml }}
{{- $local := dict "storage" (dict "type" "local" "local" (dict "directory" "/rules")) }}
{{- $_ := set $config "ruler" (mergeOverwrite (get $config "ruler" | default dict) $local) }}
{{- end }}
{{- toYaml $config }}
{{- end }}
