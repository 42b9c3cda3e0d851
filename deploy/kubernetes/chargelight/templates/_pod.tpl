{{/* What every pod gives up. For a dict of root, component, and user: its number. */}}
{{- define "chargelight.confinedPod" -}}
automountServiceAccountToken: false
# Else variables of Services, such as CHARGELIGHT_GATEWAY_PORT, would be taken for settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "chargelight.confinedContainer" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "chargelight.image" -}}
{{- $tag := coalesce (index .root.Values .component).tag .root.Values.image.tag .root.Chart.AppVersion }}
{{- .root.Values.image.prefix }}{{ .service }}:{{ $tag }}
{{- end }}

{{/* Which settings of the values a pod gets: those of its service, and those without a service in
their name. Without Redis, settings of TLS to Redis would be mistakes; only gateways wait for its
replicas (REDIS_WAIT_REPLICAS). */}}
{{- define "chargelight.settingsOf" -}}
{{- if eq .component "migrate" }}^CHARGELIGHT_(POSTGRES|LOG)_
{{- else if eq .component "canary" }}^CHARGELIGHT_(CANARY|LOG|ALLOWED)_
{{- else if eq .component "router" }}^CHARGELIGHT_(ROUTER_|LOG_|ALLOWED_|REDIS_(URL|CLUSTER|TLS)|TRACES_)
{{- else if eq .component "gateway" }}^CHARGELIGHT_((GATEWAY|LOG|ALLOWED|REDIS|TRACES|DEVICE)_|OPEN$)
{{- else }}^CHARGELIGHT_(REGISTRY_|LOG_|ALLOWED_|REDIS_(URL|CLUSTER|TLS)|POSTGRES_|OPEN$)
{{- end }}
{{- end }}

{{/* The variables of a pod: what its template sets (.own), settings of the values, and the files of
its secrets. Numbers as JSON, or a million would be 1e+06. */}}
{{- define "chargelight.env" -}}
{{- $env := deepCopy (.own | default dict) }}
{{- $names := include "chargelight.settingsOf" . | trim }}
{{- range $name, $value := .root.Values.settings }}
{{- if regexMatch $names $name }}
{{- $_ := set $env $name $value }}
{{- end }}
{{- end }}
{{- range $name, $value := $env }}
- name: {{ $name }}
  value: {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ $value | toJson | quote }}{{ end }}
{{- end }}
{{- range (index .root.Values .component).secretSettings }}
- name: {{ . }}_FILE
  value: /secrets/{{ . }}
{{- end }}
- name: CHARGELIGHT_INSTANCE_ID
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
{{- end }}

{{/* What a pod of a service mounts, as a list of volumes: with .mounts, as mounts. */}}
{{- define "chargelight.volumes" -}}
{{- $values := index .root.Values .component }}
{{- $backups := dig "backups" "claim" "" $values }}
{{- $tls := and (has .component (list "gateway" "registry")) .root.Values.tls.secret }}
{{- if .mounts }}
- { name: tmp, mountPath: /tmp }
{{- if $values.secretSettings }}
- { name: secrets, mountPath: /secrets, readOnly: true }
{{- end }}
{{- if $tls }}
- { name: tls, mountPath: /tls, readOnly: true }
{{- end }}
{{- if .root.Values.trust.configMap }}
- { name: trust, mountPath: /trust, readOnly: true }
{{- end }}
{{- if $backups }}
- { name: backups, mountPath: /backups }
{{- end }}
{{- else }}
# In memory, and so part of what the container may have.
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: {{ .tmp | default "16Mi" }} }
{{- if $values.secretSettings }}
- name: secrets
  secret:
    secretName: {{ include "chargelight.secretName" . }}
    defaultMode: 0440
    items:
      {{- range $values.secretSettings }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}
{{- with $tls }}
- name: tls
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- with .root.Values.trust.configMap }}
- name: trust
  configMap: { name: {{ . }} }
{{- end }}
{{- with $backups }}
- name: backups
  persistentVolumeClaim: { claimName: {{ . }} }
{{- end }}
{{- end }}
{{- end }}
