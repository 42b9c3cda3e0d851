{{/* A service: its Deployment, its budget of disruptions, and a Service for its health port. For a
dict of root; component and service, the same; healthPort; ports (name to number); own (variables);
readyPath; readyFailures; stopSeconds, which the process takes at most; preStopSeconds. */}}
{{- define "chargelight.service" -}}
{{- $values := index .root.Values .component }}
{{- $several := ne .component "canary" }}
{{- $autoscaling := dig "autoscaling" "enabled" false $values }}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "chargelight.metadata" . | nindent 2 }}
spec:
  {{- if not $autoscaling }}
  replicas: {{ if $several }}{{ $values.replicas }}{{ else }}1{{ end }}
  {{- else }}
  {{- with lookup "apps/v1" "Deployment" .root.Release.Namespace (include "chargelight.name" .) }}
  # As many as there are: without a number, Kubernetes would keep one when scaling is switched on.
  replicas: {{ .spec.replicas }}
  {{- end }}
  {{- end }}
  {{- with .minReadySeconds }}
  minReadySeconds: {{ . }}
  progressDeadlineSeconds: {{ add . 600 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "chargelight.selector" . | nindent 6 }}
  strategy:
    {{- if $several }}
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
    {{- else }}
    # Two with the same ids would supersede each other.
    type: Recreate
    {{- end }}
  template:
    metadata:
      labels:
        {{- include "chargelight.selector" . | nindent 8 }}
        app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
    spec:
      {{- include "chargelight.confinedPod" (merge (dict "user" 10001) .) | nindent 6 }}
      # Beyond what the process takes: killed before, it could not say what hung.
      terminationGracePeriodSeconds: {{ add .stopSeconds (.preStopSeconds | default 0) 6 }}
      {{- if $several }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: {{ $.root.Values.spread }}
          labelSelector:
            matchLabels:
              {{- include "chargelight.selector" $ | nindent 14 }}
          # Pods of an update are spread among themselves.
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "chargelight.image" . | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          {{- include "chargelight.confinedContainer" . | nindent 10 }}
          env:
            {{- include "chargelight.env" . | nindent 12 }}
          ports:
            - { name: health, containerPort: {{ .healthPort }} }
            {{- range $name, $port := .ports }}
            - { name: {{ $name }}, containerPort: {{ $port }} }
            {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          {{- with .preStopSeconds }}
          # Meanwhile all nodes hear that no more connections go there.
          lifecycle: { preStop: { sleep: { seconds: {{ . }} } } }
          {{- end }}
          startupProbe:
            httpGet: { path: /healthz, port: health }
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /healthz, port: health }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: {{ .readyPath }}, port: health }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: {{ .readyFailures | default 2 }}
          volumeMounts:
            {{- include "chargelight.volumes" (merge (dict "mounts" true) .) | nindent 12 }}
      volumes:
        {{- include "chargelight.volumes" . | nindent 8 }}
---
# For Prometheus: all pods, also those that are not ready.
apiVersion: v1
kind: Service
metadata:
  {{- include "chargelight.metadata" (merge (dict "suffix" "-health") .) | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "chargelight.selector" . | nindent 4 }}
  ports:
    - { name: health, port: {{ .healthPort }}, targetPort: health }
{{- if $several }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "chargelight.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready holds up no node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "chargelight.selector" . | nindent 6 }}
{{- end }}
{{- end }}
