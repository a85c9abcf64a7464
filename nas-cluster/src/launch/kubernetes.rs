//! A Job: <https://kubernetes.io/docs/concepts/workloads/controllers/job/>.

use serde_json::{Value, json};

use super::{Resources, worker};

/// A manifest of a Job whose pods are workers.
///
/// It is JSON, which Kubernetes takes as well as YAML. The Job has finished once a worker ends
/// without an error, which needs `--idle` among the options of the workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// The address of the database, without a password.
    pub store: String,
    /// What each worker may take.
    pub resources: Resources,
    /// Container image with the program `nas`.
    pub image: String,
    /// Secret whose key `password` is the password of the database.
    pub secret: String,
    /// Volume claim that is mounted at `/shared`.
    pub claim: Option<String>,
    /// Further options of each worker.
    pub options: Vec<String>,
}

impl Kubernetes {
    /// The manifest.
    pub fn manifest(&self) -> String {
        let Resources {
            workers,
            cpus,
            memory_gib,
            gpus,
        } = self.resources;
        let mut options = self.options.clone();
        if self.claim.is_some() && !options.iter().any(|option| option == "--checkpoints") {
            options.extend(["--checkpoints", "/shared/checkpoints"].map(str::to_owned));
        }
        options.extend(["--threads".to_owned(), cpus.to_string()]);
        let mut limits = json!({ "memory": format!("{memory_gib}Gi") });
        if gpus > 0 {
            limits["nvidia.com/gpu"] = json!(gpus);
        }
        let mut container = json!({
            "name": "worker",
            "image": self.image,
            "command": worker("nas", &self.store, &options),
            "env": [{
                "name": "PGPASSWORD",
                "valueFrom": { "secretKeyRef": { "name": self.secret, "key": "password", "optional": true } },
            }],
            "resources": { "requests": { "cpu": cpus, "memory": format!("{memory_gib}Gi") }, "limits": limits },
        });
        let mut pod = json!({
            "restartPolicy": "OnFailure",
            "terminationGracePeriodSeconds": 60,
        });
        if let Some(claim) = &self.claim {
            container["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
            pod["volumes"] = json!([{ "name": "shared", "persistentVolumeClaim": { "claimName": claim } }]);
        }
        pod["containers"] = json!([container]);
        let manifest: Value = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": "nas-worker", "labels": { "app": "nas-worker" } },
            "spec": {
                "parallelism": workers,
                "backoffLimit": 1_000,
                "template": { "metadata": { "labels": { "app": "nas-worker" } }, "spec": pod },
            },
        });
        let mut text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_what_was_asked_for() {
        let kubernetes = Kubernetes {
            store: "postgres://nas@db/searches".to_owned(),
            resources: Resources {
                workers: 8,
                cpus: 4,
                memory_gib: 12,
                gpus: 1,
            },
            image: "registry/nas:0.1".to_owned(),
            secret: "database".to_owned(),
            claim: Some("data".to_owned()),
            options: vec!["--data-dir".to_owned(), "/shared/data".to_owned()],
        };
        let manifest: Value = serde_json::from_str(&kubernetes.manifest()).unwrap();
        assert_eq!(manifest["spec"]["parallelism"], 8);
        let pod = &manifest["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(
            container["command"],
            json!([
                "nas",
                "worker",
                "--store",
                "postgres://nas@db/searches",
                "--data-dir",
                "/shared/data",
                "--checkpoints",
                "/shared/checkpoints",
                "--threads",
                "4"
            ])
        );
        assert_eq!(container["resources"]["limits"]["nvidia.com/gpu"], 1);
        assert_eq!(container["resources"]["requests"]["memory"], "12Gi");
        assert_eq!(
            container["env"][0]["valueFrom"]["secretKeyRef"]["name"],
            "database"
        );
        assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "data");
        // A worker needs five seconds.
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= 10);
    }
}
