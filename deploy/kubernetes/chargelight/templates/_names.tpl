{{/* Short enough that a pod's name is an instance id of 60 characters at most: with workers, the
limit. */}}
{{- define "chargelight.fullname" -}}
{{- $name := .Release.Name }}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end }}
{{- $name | trunc 34 | trimSuffix "-" }}
{{- end }}

{{/* For a dict of root and component. */}}
{{- define "chargelight.name" -}}
{{ include "chargelight.fullname" .root }}-{{ .component }}
{{- end }}

{{- define "chargelight.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* With .suffix, of something that is not named after its component alone. */}}
{{- define "chargelight.metadata" -}}
name: {{ include "chargelight.name" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "chargelight.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "chargelight.secretName" -}}
{{- if .root.Values.tryingOut.enabled }}{{ include "chargelight.name" . }}-trying-out
{{- else }}{{ (index .root.Values .component).secret }}{{ end }}
{{- end }}
